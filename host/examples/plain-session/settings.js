// What an app has to know, the same in every example. Yours come from your own configuration.
export const settings = {
  bus: "https://bus.example.com/",
  api: "https://api.example.com",
  // A bus for an OpenID Connect provider knows these two itself: leave them out.
  authorizeUrl: "https://id.example.com/authorize",
  clientId: "crm",
};
