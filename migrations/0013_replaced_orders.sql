-- What 0009 to 0012 replace. Nothing names an index: the release before this one reads the new ones as well.
DROP INDEX todos_by_created, todos_by_updated, todos_by_due, todos_by_priority;
