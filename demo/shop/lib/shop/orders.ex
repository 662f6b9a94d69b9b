defmodule Shop.Orders do
  @moduledoc "From a cart to an order."

  alias Shop.{Cart, Repo, Stock}
  alias Shop.Orders.Order
  alias Shop.Workers.SendReceipt

  def place(customer_id, email) do
    items = Cart.items(customer_id)

    with :ok <- Stock.reserve(items),
         {:ok, order} <- insert(items, email) do
      SendReceipt.new(%{order_id: order.id}) |> Oban.insert()
      {:ok, order}
    end
  end

  def get!(id), do: Repo.get!(Order, id)

  defp insert(items, email) do
    attrs = %{
      number: number(),
      email: email,
      total: Enum.sum_by(items, &(&1.price * &1.count)),
      items: items
    }

    %Order{} |> Order.changeset(attrs) |> Repo.insert()
  end

  defp number, do: 5 |> :crypto.strong_rand_bytes() |> Base.encode32(padding: false)
end
