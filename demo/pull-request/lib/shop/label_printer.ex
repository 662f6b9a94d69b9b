defmodule Shop.LabelPrinter do
  @moduledoc "The printer in the warehouse. It takes one connection, so one process owns it."

  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

  def print(order), do: GenServer.cast(__MODULE__, {:print, order})

  @impl true
  def init(_opts) do
    # otp-review:ignore genserver-blocking-init -- without its printer the warehouse must not open
    {:ok, socket} = :gen_tcp.connect(~c"printer.local", 9100, [:binary])
    {:ok, %{socket: socket}}
  end

  @impl true
  def handle_cast({:print, order}, state) do
    :ok = :gen_tcp.send(state.socket, "^XA^FD#{order.number}^FS^XZ")
    {:noreply, state}
  end
end
