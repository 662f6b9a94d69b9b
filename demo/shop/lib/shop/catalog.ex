defmodule Shop.Catalog do
  @moduledoc "What can be bought."

  import Ecto.Query

  alias Shop.Catalog.Product
  alias Shop.Repo

  def list_products do
    Repo.all(from p in Product, where: p.published, order_by: p.name)
  end

  def get_product!(sku), do: Repo.get_by!(Product, sku: sku)

  def publish(%Product{} = product) do
    product
    |> Product.changeset(%{published: true})
    |> Repo.update()
  end
end
