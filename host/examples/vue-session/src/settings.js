// The settings of this app, the same in every example. Your app takes them from its own configuration.
export const settings = {
  bus: "https://bus.example.com/",
  api: "https://api.example.com",
  // A bus for an OpenID Connect provider knows these two itself: leave them out.
  authorizeUrl: "https://id.example.com/authorize",
  clientId: "crm",
};
