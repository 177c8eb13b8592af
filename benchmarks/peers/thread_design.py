"""The design that Daybook replaced, as its authors would write it: a row per booking, a daemon thread per message."""

from __future__ import annotations

import os
import smtplib
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Annotated, Any
from urllib.parse import urlsplit, urlunsplit

from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy import DateTime, ForeignKey, String, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

# SQLAlchemy 2.1 would use psycopg 3 for a bare postgresql:// URL.
DATABASE_URL = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(scheme="postgresql+psycopg2"))
SEND_MESSAGES = os.environ.get("SEND_MESSAGES", "1") == "1"

engine = create_engine(
    DATABASE_URL,
    pool_size=int(os.environ.get("POOL_SIZE", "5")),
    max_overflow=int(os.environ.get("MAX_OVERFLOW", "10")),
    pool_timeout=30,
)
new_session = sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


class Base(DeclarativeBase):
    pass


class Booking(Base):
    __tablename__ = "peer_booking"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    service: Mapped[str] = mapped_column(String(80))
    starts_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    name: Mapped[str] = mapped_column(String(120))
    phone: Mapped[str] = mapped_column(String(16))
    email: Mapped[str] = mapped_column(String(254))


class Message(Base):
    __tablename__ = "peer_message"

    id: Mapped[int] = mapped_column(primary_key=True)
    booking_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("peer_booking.id"))
    channel: Mapped[str] = mapped_column(String(10))
    status: Mapped[str] = mapped_column(String(10))
    error: Mapped[str] = mapped_column(String(250), default="")
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=lambda: datetime.now(UTC))


class CustomerBody(BaseModel):
    name: str
    phone: str
    email: str


class BookingBody(BaseModel):
    service: str
    starts_at: datetime
    customer: CustomerBody


def get_session() -> Iterator[Session]:
    with new_session() as session:
        yield session


@app.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/bookings/", status_code=201)
def create_booking(body: BookingBody, session: Annotated[Session, Depends(get_session)]) -> dict[str, Any]:
    booking = Booking(service=body.service, starts_at=body.starts_at, **body.customer.model_dump())
    session.add(booking)
    session.commit()
    if SEND_MESSAGES:
        for channel in CHANNELS:
            threading.Thread(target=send, args=(channel, booking.id), daemon=True).start()
    return {"id": booking.id, **body.model_dump()}


def send(channel: str, booking_id: uuid.UUID) -> None:
    """Send one message of a booking and record the outcome. Runs in its own thread."""
    with new_session() as session:
        booking = session.get_one(Booking, booking_id)
        outcome = Message(booking_id=booking_id, channel=channel, status="sent")
        try:
            CHANNELS[channel](booking)
        except Exception as error:
            outcome.status, outcome.error = "failed", str(error)[:250]
        session.add(outcome)
        session.commit()


def message_text(booking: Booking) -> str:
    return f"We have your request for {booking.service} on {booking.starts_at:%d %b %Y, %H:%M} ({booking.id})."


class LoopbackHttpClient(TwilioHttpClient):  # type: ignore[misc] # the SDK is untyped
    """Twilio's client, redirected to TWILIO_API_BASE_URL: its region and edge cannot express a loopback address."""

    base = urlsplit(os.environ.get("TWILIO_API_BASE_URL", "https://api.twilio.com"))

    def request(self, method: str, url: str, *args: Any, **options: Any) -> Any:
        address = urlunsplit(urlsplit(url)._replace(scheme=self.base.scheme, netloc=self.base.netloc))
        return super().request(method, address, *args, **options)


twilio = Client(
    os.environ.get("TWILIO_ACCOUNT_SID", "AC"),
    os.environ.get("TWILIO_AUTH_TOKEN", "none"),
    http_client=LoopbackHttpClient(),
)


def send_sms(booking: Booking) -> None:
    twilio.messages.create(to=booking.phone, from_=os.environ["TWILIO_SMS_FROM"], body=message_text(booking))


def send_whatsapp(booking: Booking) -> None:
    sender = f"whatsapp:{os.environ['TWILIO_WHATSAPP_FROM']}"
    twilio.messages.create(to=f"whatsapp:{booking.phone}", from_=sender, body=message_text(booking))


def send_email(booking: Booking) -> None:
    email = EmailMessage()
    email["From"], email["To"], email["Subject"] = "bookings@localhost", booking.email, "Your request"
    email.set_content(message_text(booking))
    address = urlsplit(os.environ["EMAIL_URL"])
    with smtplib.SMTP(address.hostname or "", address.port or 25) as server:
        server.send_message(email)


CHANNELS: dict[str, Callable[[Booking], None]] = {"sms": send_sms, "whatsapp": send_whatsapp, "email": send_email}

if __name__ == "__main__":
    Base.metadata.create_all(engine)  # once, before the workers start
