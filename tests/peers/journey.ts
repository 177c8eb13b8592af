// A journey of a customer and of staff with types from the schema; test_generated_clients.py compiles and runs it.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { env } from "node:process";
import createClient from "openapi-fetch";
import type { components, paths } from "./daybook.js";

type Schemas = components["schemas"];
type Customer = Schemas["CustomerInput"];
// Responses are assigned to this type: it does not compile if the schema makes one of their fields optional.
type Complete<Name extends keyof Schemas> = Required<Schemas[Name]>;

const baseUrl = env.DAYBOOK_ADDRESS!;
const customer = createClient<paths>({ baseUrl });
const meera: Customer = { name: "Meera Iyer", phone: "+919812340003", email: "meera@example.com" };
const arjun: Customer = { name: "Arjun Rao", phone: "+919812340004", email: "arjun@example.com" };

async function bookAndCancel() {
  const services: Complete<"Service">[] = succeeded(await customer.GET("/services"));
  assert.ok(services.some((service) => service.slug === "consultation"));
  const [first] = await freeTimes("consultation");
  const booking = await book("consultation", first!, meera);
  const params = { path: { booking_id: booking.id }, header: { "X-Booking-Token": booking.manage_token } };
  const found: Complete<"Booking"> = succeeded(await customer.GET("/bookings/{booking_id}", { params }));
  assert.equal(found.status, "pending");

  const taken = failed(
    409,
    await customer.POST("/bookings", { body: { service: "consultation", starts_at: first!, customer: arjun } }),
  );
  assert.equal(taken.code, "slot_taken");
  const second = taken.alternatives![0]!;

  const moved = succeeded(
    await customer.PUT("/bookings/{booking_id}/reschedule", { params, body: { starts_at: second } }),
  );
  assert.equal(Date.parse(moved.starts_at), Date.parse(second));
  const cancelled = succeeded(await customer.POST("/bookings/{booking_id}/cancel", { params }));
  assert.equal(cancelled.status, "cancelled");
}

async function pay() {
  const [first] = await freeTimes("physiotherapy");
  const held: Complete<"CheckoutResponse"> = succeeded(
    await customer.POST("/bookings/razorpay-booking", {
      body: { service: "physiotherapy", starts_at: first!, customer: meera },
    }),
  );
  const checkout: Complete<"Checkout"> = held.checkout;
  assert.equal(held.booking.status, "held");
  assert.equal(checkout.amount, held.booking.due_online_minor);

  const paid = await fetch(`${env.SANDBOX_ADDRESS}/sandbox/orders/${checkout.order_id}/pay`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: "{}",
  });
  const body = (await paid.json()) as Schemas["VerifyPaymentInput"];
  const verified: Complete<"VerifyPaymentResponse"> = succeeded(
    await customer.POST("/bookings/verify-payment", { body }),
  );
  assert.equal(verified.booking.status, "confirmed");
}

async function manageAsStaff() {
  const signedIn: Complete<"SignInResponse"> = succeeded(
    await customer.POST("/auth/token", { body: { username: "desk", password: env.STAFF_PASSWORD! } }),
  );
  const staff = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${signedIn.token}` } });

  const [first] = await freeTimes("consultation");
  const booking = await book("consultation", first!, arjun);
  const params = { path: { booking_id: booking.id } };
  const confirmed = succeeded(await staff.PUT("/bookings/{booking_id}/confirm", { params }));
  assert.equal(confirmed.status, "confirmed");
  const page = succeeded(await staff.GET("/bookings"));
  assert.ok(page.results.some((listed) => listed.id === booking.id));
  const visit = { path: { booking_id: env.VISIT_TODAY! } };
  const completed = succeeded(await staff.PUT("/bookings/{booking_id}/complete", { params: visit }));
  assert.equal(completed.status, "completed");

  const nameless: Customer = { name: "", phone: "12" };
  const invalid = failed(
    400,
    await staff.POST("/bookings", { body: { service: "consultation", starts_at: first!, customer: nameless } }),
  );
  assert.ok(invalid.errors?.some((error) => error.field === "customer.name"));

  const unknown = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${"x".repeat(40)}` } });
  const refused = failed(401, await unknown.PUT("/bookings/{booking_id}/confirm", { params }));
  assert.equal(refused.status, 401);
}

async function freeTimes(slug: string): Promise<string[]> {
  const from = new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10);
  const availability: Complete<"Availability"> = succeeded(
    await customer.GET("/services/{slug}/availability", { params: { path: { slug }, query: { from } } }),
  );
  return availability.slots.map((slot: Complete<"FreeSlot">) => slot.starts_at);
}

/** Send the same request twice with one idempotency key, and return the one booking. */
async function book(service: string, starts_at: string, who: Customer): Promise<Complete<"NewBooking">> {
  const request = {
    params: { header: { "Idempotency-Key": randomUUID() } },
    body: { service, starts_at, customer: who },
  };
  const first = succeeded(await customer.POST("/bookings", request));
  const repeat = succeeded(await customer.POST("/bookings", request));
  assert.equal(first.id, repeat.id);
  return first;
}

function succeeded<T>(answer: { data?: T; error?: unknown }): T {
  assert.ok(answer.data !== undefined, JSON.stringify(answer.error));
  return answer.data;
}

function failed<E>(status: number, answer: { data?: unknown; error?: E; response: Response }): E {
  assert.equal(answer.response.status, status, JSON.stringify(answer.error ?? answer.data));
  assert.ok(answer.error !== undefined);
  return answer.error;
}

await bookAndCancel();
await pay();
await manageAsStaff();
