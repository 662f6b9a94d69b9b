defmodule Shop.Workers.SendReceipt do
  @moduledoc "Mails a receipt; tried again until the mail server takes it."

  use Oban.Worker, queue: :mail, max_attempts: 10

  alias Shop.{Emails, Mailer, Orders}

  @impl Oban.Worker
  def perform(%Oban.Job{args: %{"order_id" => id}}) do
    id |> Orders.get!() |> Emails.receipt() |> Mailer.deliver()
  end
end
