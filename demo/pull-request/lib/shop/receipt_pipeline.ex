defmodule Shop.ReceiptPipeline do
  @moduledoc "Sends receipts, many at a time."

  use Broadway

  alias Broadway.Message
  alias Shop.{Emails, Mailer, Orders}

  def start_link(_opts) do
    Broadway.start_link(__MODULE__,
      name: __MODULE__,
      producer: [module: {Broadway.DummyProducer, []}],
      processors: [default: [concurrency: 5]]
    )
  end

  def send_later(order) do
    message = %Message{data: order.id, acknowledger: Broadway.NoopAcknowledger.init()}
    Broadway.push_messages(__MODULE__, [message])
  end

  @impl true
  def handle_message(_processor, %Message{data: order_id} = message, _context) do
    order_id |> Orders.get!() |> Emails.receipt() |> Mailer.deliver()
    message
  end
end
