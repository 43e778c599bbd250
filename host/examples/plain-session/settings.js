// What an app has to know, the same in every example. Yours come from your own configuration.
export const settings = {
  bus: "https://bus.example.com/",
  api: "https://api.example.com",
  authorizeUrl: "https://id.example.com/authorize",
  clientId: "crm",
};
