defmodule Shop.Pricing do
  @moduledoc "What a cart costs: quantity discounts, and free shipping above 50."

  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

  def total(items), do: GenServer.call(__MODULE__, {:total, items})

  @impl true
  def init(opts), do: {:ok, opts}

  @impl true
  def handle_call({:total, items}, _from, state) do
    subtotal = Enum.sum_by(items, &(&1.price * &1.count))
    discount = if Enum.count(items) > 5, do: div(subtotal, 20), else: 0
    shipping = if subtotal >= 5000, do: 0, else: 490

    {:reply, subtotal - discount + shipping, state}
  end
end
