defmodule ShopWeb.OrderController do
  use Phoenix.Controller, formats: [:json]

  alias Shop.Orders

  def create(conn, %{"customer_id" => customer_id, "email" => email}) do
    case Orders.place(customer_id, email) do
      {:ok, order} -> conn |> put_status(:created) |> json(%{number: order.number, total: order.total})
      {:error, :sold_out} -> conn |> put_status(:conflict) |> json(%{error: "sold out"})
      {:error, changeset} -> conn |> put_status(:unprocessable_entity) |> json(%{error: inspect(changeset.errors)})
    end
  end
end
