// The modules of the story: a stock that asks itself, and exchange rates that are fetched while the supervisor waits.

export const mix = {
  'mix.exs': `defmodule Shop.MixProject do
  use Mix.Project

  def project, do: [app: :shop, version: "1.4.0", elixir: "~> 1.17", deps: [{:req, "~> 0.5"}]]
end
`,
}

export const application = `defmodule Shop.Application do
  @moduledoc false

  use Application

  @impl true
  def start(_type, _args) do
    Supervisor.start_link([Shop.Repo, Shop.Stock], strategy: :one_for_one, name: Shop.Supervisor)
  end
end
`

export const stock = `defmodule Shop.Stock do
  @moduledoc "How many of each product are left; reservations happen one after the other."

  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

  def reserve(items), do: GenServer.call(__MODULE__, {:reserve, items})
  def left(sku), do: GenServer.call(__MODULE__, {:left, sku})
  def low, do: GenServer.call(__MODULE__, :low)

  @impl true
  def init(_opts), do: {:ok, %{}}

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
`

export const rates = `defmodule Shop.Rates do
  @moduledoc "Exchange rates, so that prices can be shown in the customer's currency."

  use GenServer

  @url "https://rates.example/latest"

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

  @impl true
  def init(_opts) do
    Process.send_after(self(), :refresh, :timer.hours(1))
    {:ok, %{rates: Req.get!(@url).body["rates"]}}
  end

  @impl true
  def handle_info(:refresh, state) do
    Process.send_after(self(), :refresh, :timer.hours(1))
    :persistent_term.put({__MODULE__, :rates}, state.rates)
    {:noreply, state}
  end
end
`
