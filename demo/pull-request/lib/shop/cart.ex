defmodule Shop.Cart do
  @moduledoc "The cart of one customer, in memory for as long as the customer is about."

  use GenServer, restart: :temporary

  @idle :timer.minutes(30)

  def start_link(customer_id) do
    GenServer.start_link(__MODULE__, customer_id, name: :"cart_#{customer_id}")
  end

  def add(customer_id, item), do: GenServer.call(server(customer_id), {:add, item})
  def items(customer_id), do: GenServer.call(server(customer_id), :items)

  @impl true
  def init(customer_id), do: {:ok, %{customer_id: customer_id, items: []}, @idle}

  @impl true
  def handle_call({:add, item}, _from, state) do
    {:reply, :ok, %{state | items: [item | state.items]}, @idle}
  end

  def handle_call(:items, _from, state), do: {:reply, Enum.reverse(state.items), state, @idle}

  @impl true
  def handle_info(:timeout, state), do: {:stop, :normal, state}

  defp server(customer_id) do
    case DynamicSupervisor.start_child(Shop.CartSupervisor, {__MODULE__, customer_id}) do
      {:ok, pid} -> pid
      {:error, {:already_started, pid}} -> pid
    end
  end
end
