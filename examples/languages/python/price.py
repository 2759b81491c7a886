"""The price of an order, as a component by componentize-py."""

import json

import wit_world
from componentize_py_types import Err
from wit_world.imports.types import TaskError


class WitWorld(wit_world.WitWorld):
    def handle(self, event: str) -> str:
        order = json.loads(event)
        if not order["lines"]:
            raise invalid("the order has no lines")
        lines = []
        for at, line in enumerate(order["lines"], 1):
            if line["quantity"] < 1:
                raise invalid(f"line {at}: the quantity is {line['quantity']}")
            lines.append({"sku": line["sku"], "cents": line["quantity"] * line["unit_cents"]})
        net = sum(line["cents"] for line in lines)
        discount = net // 10 if net >= 10_000 else 0
        vat = ((net - discount) * 19 + 50) // 100
        return json.dumps({
            "id": order["id"],
            "lines": lines,
            "net_cents": net,
            "discount_cents": discount,
            "vat_cents": vat,
            "total_cents": net - discount + vat,
        })


def invalid(message: str) -> Err:
    return Err(TaskError("InvalidOrder", message))
