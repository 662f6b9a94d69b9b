defmodule Shop.Orders do
  @moduledoc "From a cart to an order."

  alias Shop.{Analytics, Cart, LabelPrinter, Pricing, ReceiptPipeline, Repo, Stock}
  alias Shop.Orders.Order

  def place(customer_id, email) do
    items = Cart.items(customer_id)

    with :ok <- Stock.reserve(items),
         {:ok, order} <- insert(items, email) do
      ReceiptPipeline.send_later(order)
      Task.async(fn -> Analytics.bought(order) end)
      Task.start(fn -> announce(order) end)
      Task.start(fn -> LabelPrinter.print(order) end)
      {:ok, order}
    end
  end

  def get!(id), do: Repo.get!(Order, id)

  defp insert(items, email) do
    attrs = %{
      number: number(),
      email: email,
      total: Pricing.total(items),
      items: items
    }

    %Order{} |> Order.changeset(attrs) |> Repo.insert()
  end

  defp announce(order) do
    for item <- order.items do
      Phoenix.PubSub.broadcast(Shop.PubSub, "stock:#{item.sku}", {:left, Stock.left(item.sku)})
    end
  end

  defp number, do: 5 |> :crypto.strong_rand_bytes() |> Base.encode32(padding: false)
end
