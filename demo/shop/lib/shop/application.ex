defmodule Shop.Application do
  @moduledoc false

  use Application

  @impl true
  def start(_type, _args) do
    children = [
      Shop.Repo,
      {Registry, keys: :unique, name: Shop.Registry},
      {Task.Supervisor, name: Shop.TaskSupervisor},
      {DynamicSupervisor, name: Shop.CartSupervisor, strategy: :one_for_one},
      {Oban, Application.fetch_env!(:shop, Oban)},
      Shop.Stock,
      ShopWeb.Endpoint
    ]

    Supervisor.start_link(children, strategy: :one_for_one, name: Shop.Supervisor)
  end

  @impl true
  def config_change(changed, _new, removed) do
    ShopWeb.Endpoint.config_change(changed, removed)
    :ok
  end
end
