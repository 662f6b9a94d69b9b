defmodule Shop.Rates do
  @moduledoc "Exchange rates, so that prices can be shown in the customer's currency."

  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

  def rate(currency), do: GenServer.call(__MODULE__, {:rate, currency})
  def known, do: GenServer.call(__MODULE__, :known)

  @impl true
  def init(_opts) do
    {:ok, %{url: Application.fetch_env!(:shop, :rates_url), rates: %{}}, {:continue, :load}}
  end

  @impl true
  def handle_continue(:load, state) do
    {:noreply, %{state | rates: Req.get!(state.url).body["rates"]}}
  end

  @impl true
  def handle_call({:rate, currency}, _from, state) do
    case state.rates do
      %{^currency => rate} ->
        {:reply, {:ok, rate}, state}

      _unknown ->
        rate = Req.get!(state.url, params: [currency: currency]).body["rate"]
        {:reply, {:ok, rate}, put_in(state.rates[currency], rate)}
    end
  end

  def handle_call(:known, _from, state), do: {:reply, Map.keys(state.rates), state}
end
