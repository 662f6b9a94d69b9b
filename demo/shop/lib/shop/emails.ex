defmodule Shop.Emails do
  @moduledoc "The letters that the shop sends."

  import Swoosh.Email

  alias Shop.Orders.Order

  @from {"Shop", "orders@shop.example"}

  def receipt(%Order{} = order) do
    new()
    |> to(order.email)
    |> from(@from)
    |> subject("Your order #{order.number}")
    |> text_body("Thank you! We ship your #{length(order.items)} items within two days.")
  end
end
