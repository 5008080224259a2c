"""The patterns on DBOS Transact, written as its documentation recommends."""
