defmodule Shop.Orders.Order do
  use Ecto.Schema

  import Ecto.Changeset

  schema "orders" do
    field :number, :string
    field :email, :string
    field :total, :integer
    field :items, {:array, :map}, default: []

    timestamps(type: :utc_datetime)
  end

  def changeset(order, attrs) do
    order
    |> cast(attrs, [:number, :email, :total, :items])
    |> validate_required([:number, :email, :total])
    |> validate_format(:email, ~r/@/)
    |> unique_constraint(:number)
  end
end
