defmodule Shop.CartTest do
  use ExUnit.Case, async: true

  alias Shop.Cart

  test "keeps items in the order in which they were added" do
    Cart.add("c1", %{sku: "tea", price: 450, count: 1})
    Cart.add("c1", %{sku: "cup", price: 900, count: 2})

    assert ["tea", "cup"] = Enum.map(Cart.items("c1"), & &1.sku)
  end
end
