"""Fills an empty database by the models of the application that this service replaces."""
import os
import sys

from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session
from models import Base, Tag, Todo

STATUSES = ["completed", "pending", "in_progress", "cancelled"]
PRIORITIES = ["low", "medium", "high", "urgent"]

engine = create_engine(os.environ["ANCHOR_DB"].replace("postgresql://", "postgresql+psycopg2://"))
Base.metadata.create_all(engine)
# Half a second after, since that has two spellings.
noon = func.date_trunc("day", func.now()) + func.make_interval(0, 0, 0, 0, 12, 0, 0.5)
with Session(engine) as session:
    tags = [Tag(name=f"tag {number}") for number in range(60)] + [Tag(name="TAG 7")]
    session.add_all(tags)
    for number in range(int(sys.argv[1])):
        session.add(Todo(
            title=f"  <b>Todo</b> {number} & more " if number % 50 == 0 else f"Todo {number}",
            description=None if number % 3 == 0 else f"<p>Item {number}</p><script>alert(1)</script>",
            completed=number % 4 == 0 or number % 97 == 0,
            status=STATUSES[number % 4],
            priority=PRIORITIES[number // 4 % 4],
            due_date=None if number % 5 == 0 else noon + func.make_interval(0, 0, 0, number % 60 - 30),
            tags=[tags[(number * 7 + step * 31) % len(tags)] for step in range(number % 6)],
        ))
    session.commit()
    print(session.scalar(select(func.count()).select_from(Todo)))
