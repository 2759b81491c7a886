// The price of an order, as a component by componentize-js.

export function handle(event) {
  const order = JSON.parse(event);
  if (order.lines.length === 0) {
    throw invalid("the order has no lines");
  }
  const lines = order.lines.map(({ sku, quantity, unit_cents }, at) => {
    if (quantity < 1) {
      throw invalid(`line ${at + 1}: the quantity is ${quantity}`);
    }
    return { sku, cents: quantity * unit_cents };
  });
  const net_cents = lines.reduce((sum, line) => sum + line.cents, 0);
  const discount_cents = net_cents >= 10000 ? Math.floor(net_cents / 10) : 0;
  const vat_cents = Math.floor(((net_cents - discount_cents) * 19 + 50) / 100);
  const total_cents = net_cents - discount_cents + vat_cents;
  return JSON.stringify({ id: order.id, lines, net_cents, discount_cents, vat_cents, total_cents });
}

// What is thrown is the `task-error` of the contract.
function invalid(message) {
  return { error: "InvalidOrder", message };
}
