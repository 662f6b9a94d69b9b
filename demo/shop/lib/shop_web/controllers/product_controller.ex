defmodule ShopWeb.ProductController do
  use Phoenix.Controller, formats: [:json]

  alias Shop.{Catalog, Stock}

  def index(conn, _params) do
    products =
      for product <- Catalog.list_products() do
        %{sku: product.sku, name: product.name, price: product.price, left: Stock.left(product.sku)}
      end

    json(conn, products)
  end
end
