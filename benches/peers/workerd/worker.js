// The task of the benches, as a worker does it.
export default {
  async fetch(request) {
    const order = await request.json();
    order.processed = true;
    return Response.json(order);
  },
};
