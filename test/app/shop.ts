// Elixir files for conversations: small, real-looking, with exactly the finding that the name says.

export const mix = {
  'mix.exs': `defmodule Shop.MixProject do
  use Mix.Project

  def project, do: [app: :shop, version: "0.1.0", elixir: "~> 1.17"]
end
`,
}

/** \`handle_call/3\` calls its own server, on line 12. */
export const callsItself = `defmodule Shop.Stock do
  use GenServer

  def start_link(stock), do: GenServer.start_link(__MODULE__, stock, name: __MODULE__)
  def count(item), do: GenServer.call(__MODULE__, {:count, item})

  @impl true
  def init(stock), do: {:ok, stock}

  @impl true
  def handle_call({:sell, item}, _from, stock) do
    {:reply, count(item) - 1, stock}
  end

  def handle_call({:count, item}, _from, stock) do
    {:reply, Map.get(stock, item, 0), stock}
  end
end
`

export const asksItsState = callsItself.replace('count(item) - 1', 'Map.get(stock, item, 0) - 1')

/** Nothing to find, and enough lines to be worth reading. */
export function plain(name: string): string {
  return `defmodule Shop.${name} do
  @moduledoc "Prices in cents."

  def total(items), do: Enum.sum_by(items, & &1.price)
  def count(items), do: length(items)
end
`
}

/** A server like \`callsItself\` under another name. */
export function callsItselfAs(name: string): string {
  return callsItself.replace('Shop.Stock', `Shop.${name}`)
}
