defmodule Shop.Catalog.Product do
  use Ecto.Schema

  import Ecto.Changeset

  schema "products" do
    field :sku, :string
    field :name, :string
    field :price, :integer
    field :stock, :integer, default: 0
    field :published, :boolean, default: false

    timestamps(type: :utc_datetime)
  end

  def changeset(product, attrs) do
    product
    |> cast(attrs, [:sku, :name, :price, :stock, :published])
    |> validate_required([:sku, :name, :price])
    |> validate_number(:price, greater_than: 0)
    |> unique_constraint(:sku)
  end
end
