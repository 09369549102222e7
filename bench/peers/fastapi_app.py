"""FastAPI, SQLAlchemy (asyncpg) and Celery: takes a job, commits a row, sends the task. One process of uvicorn."""

import datetime
import itertools
import os
import time
from typing import Any, Literal

import jwt
from celery import Celery
from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import BigInteger, DateTime, Integer, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SECRET = os.environ["JWT_SECRET"]
engine = create_async_engine(os.environ["ASYNC_DATABASE_URL"], pool_size=10, max_overflow=0)
session = async_sessionmaker(engine, expire_on_commit=False)
celery = Celery("peer", broker=os.environ["CELERY_REDIS"])
celery.conf.update(task_ignore_result=True)
numbers = itertools.count(time.time_ns() // 1000)


class Base(DeclarativeBase):
    pass


class Job(Base):
    __tablename__ = "peer_jobs"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    tenant: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    queue: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, default="queued")
    params: Mapped[Any] = mapped_column(JSONB)
    priority: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime.datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class NewJob(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: str = Field(min_length=1, max_length=64)
    params: Any = None
    queue: Literal["default", "cpu", "gpu", "maintenance"] = "default"
    priority: int = Field(default=0, ge=0, le=2_097_151)
    delaySeconds: float = Field(default=0, ge=0, le=30 * 24 * 3600)


class AcceptedJob(BaseModel):
    id: str
    kind: str
    queue: str
    state: str
    createdAt: datetime.datetime
    links: dict[str, str]


app = FastAPI()


@app.on_event("startup")
async def make_table() -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


async def tenant_of(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        return jwt.decode(token, SECRET, algorithms=["HS256"], audience="slipway-api", issuer="slipway")["tenant"]
    except jwt.InvalidTokenError as error:
        raise HTTPException(401) from error


@app.get("/health/ready")
async def ready() -> dict[str, str]:
    return {"status": "ready"}


@app.post("/api/v1/jobs", status_code=202)
async def create(body: NewJob, tenant: str = Depends(tenant_of)) -> AcceptedJob:
    job = Job(id=next(numbers), tenant=tenant, kind=body.kind, queue=body.queue, params=body.params, priority=body.priority)
    async with session() as db:
        db.add(job)
        await db.commit()
    celery.send_task("sum", args=[body.params["numbers"]])
    return AcceptedJob(
        id=str(job.id),
        kind=job.kind,
        queue=job.queue,
        state=job.state,
        createdAt=job.created_at or datetime.datetime.now(datetime.timezone.utc),
        links={"self": f"/api/v1/jobs/{job.id}"},
    )
