defmodule ShopWeb.Router do
  use Phoenix.Router

  pipeline :api do
    plug :accepts, ["json"]
  end

  scope "/api", ShopWeb do
    pipe_through :api

    get "/products", ProductController, :index
    post "/orders", OrderController, :create
  end
end
