"""A small FastAPI application with SQLAlchemy's async ORM session: keep a job, read a job.

    uvicorn benchmarks.baselines.orm_gateway:app

No ticket, no key, no catalog, no ETag: insert and commit, get by id. The body is checked as such
an application checks it, by pydantic.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy import JSON, DateTime, String
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from uuid_utils.compat import uuid7


class Base(DeclarativeBase):
    """Of its one table."""


class OrmJob(Base):
    """A job as the application keeps it."""

    __tablename__ = "orm_jobs"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    model: Mapped[str] = mapped_column(String(100))
    input: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(20), default="queued", index=True)
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), default=lambda: datetime.now(UTC)
    )


class Submit(BaseModel):
    """What comes in."""

    model: str
    input: dict[str, Any]


class Shown(BaseModel):
    """What goes out."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    model: str
    input: dict[str, Any]
    state: str
    created_at: datetime


_engine = create_async_engine(
    os.environ["ORM_DATABASE_URL"], pool_size=int(os.environ["ORM_POOL_SIZE"]), max_overflow=0
)
_sessions = async_sessionmaker(_engine, expire_on_commit=False)


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with _engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await _engine.dispose()


app = FastAPI(lifespan=_lifespan)


async def _session() -> AsyncIterator[AsyncSession]:
    async with _sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(_session)]


@app.post("/api/v1/jobs", status_code=202)
async def submit(new: Submit, session: Session) -> Shown:
    """Keep it durably, answer it."""
    job = OrmJob(model=new.model, input=new.input)
    session.add(job)
    await session.commit()
    return Shown.model_validate(job)


@app.get("/api/v1/jobs/{job_id}")
async def read(job_id: UUID, session: Session) -> Shown:
    """By its id."""
    job = await session.get(OrmJob, job_id)
    if job is None:
        raise HTTPException(404)
    return Shown.model_validate(job)
