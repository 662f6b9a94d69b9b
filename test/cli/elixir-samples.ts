/** A server whose `report` clause waits for its own answer on line 12. */
export const callsItself = `defmodule Shop.Stock do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
  def totals, do: GenServer.call(__MODULE__, :totals)

  @impl true
  def init(opts), do: {:ok, opts}

  @impl true
  def handle_call(:totals, _from, state), do: {:reply, state, state}
  def handle_call(:report, _from, state), do: {:reply, totals(), state}
end
`

/** The same server without the clause. */
export const callsNobody = callsItself.replace(/.*:report.*\n/, '')
