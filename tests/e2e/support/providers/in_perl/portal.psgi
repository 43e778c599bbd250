# The portal of LemonLDAP::NG with people by any of some names, whose password is their name.
use strict;
use warnings;
use Plack::Builder;
use Lemonldap::NG::Portal::UserDB::Demo;
use Lemonldap::NG::Portal::Main;

# In place of puzzles, which no page shows here, and their image library.
package Lemonldap::NG::Portal::Captcha::None {
    use Mouse;
    extends 'Lemonldap::NG::Portal::Main::Plugin';
    sub init { 1 }
    $INC{'Lemonldap/NG/Portal/Captcha/None.pm'} = __FILE__;
}

%Lemonldap::NG::Portal::UserDB::Demo::demoAccounts = map {
    ( $_ => { uid => $_, cn => $_, mail => "$_\@example.com", org => $ENV{PORTAL_ORG} } )
} split / /, $ENV{PORTAL_PEOPLE};

builder {
    enable 'Static', path => sub { s{^/static/}{} }, root => $ENV{PORTAL_STATIC};
    # Debian's copies of jQuery and others: unpacked with the portal, or installed before.
    enable 'Static', path => sub { s{^/javascript/}{} }, root => $_, pass_through => 1
      for split / /, $ENV{PORTAL_JAVASCRIPT};
    Lemonldap::NG::Portal::Main->run({});
};
