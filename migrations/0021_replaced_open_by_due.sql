-- Its successor, todos_open_due_order, has all that it had.
DROP INDEX todos_open_by_due;
