defmodule Shop.Stock do
  @moduledoc "How many of each product are left; reservations happen one after the other."

  use GenServer

  alias Shop.Catalog

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

  def reserve(items), do: GenServer.call(__MODULE__, {:reserve, items})
  def left(sku), do: GenServer.call(__MODULE__, {:left, sku})
  def low, do: GenServer.call(__MODULE__, :low)

  @impl true
  def init(_opts), do: {:ok, %{}, {:continue, :load}}

  @impl true
  def handle_continue(:load, _counts) do
    {:noreply, Map.new(Catalog.list_products(), &{&1.sku, &1.stock})}
  end

  @impl true
  def handle_call({:reserve, items}, _from, counts) do
    if Enum.all?(items, &(Map.get(counts, &1.sku, 0) >= &1.count)) do
      {:reply, :ok, Enum.reduce(items, counts, &take/2)}
    else
      {:reply, {:error, :sold_out}, counts}
    end
  end

  def handle_call({:left, sku}, _from, counts) do
    {:reply, Map.get(counts, sku, 0), counts}
  end

  def handle_call(:low, _from, counts) do
    {:reply, for({sku, _count} <- counts, left(sku) < 5, do: sku), counts}
  end

  defp take(item, counts), do: Map.update!(counts, item.sku, &(&1 - item.count))
end
