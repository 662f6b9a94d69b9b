import Config

config :shop,
  ecto_repos: [Shop.Repo],
  rates_url: "https://rates.example.com/latest"

config :shop, Shop.Repo, database: "shop_dev", hostname: "localhost", username: "postgres"

config :shop, Oban,
  repo: Shop.Repo,
  queues: [mail: 5, imports: 2]

config :shop, ShopWeb.Endpoint,
  adapter: Bandit.PhoenixAdapter,
  url: [host: "localhost"],
  render_errors: [formats: [json: ShopWeb.ErrorJSON]]

config :shop, Shop.Mailer, adapter: Swoosh.Adapters.Local
