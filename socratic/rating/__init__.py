"""Blind ratings: rounds of items, who rated what, and what may be concluded from it.

`rounds` are made by `making` and kept, with the ratings, by `store`; `order` says where each
question stands for each rater; `analysis` reads the ratings, `report` and `figures` show them;
`exchange` and `forms` carry a round to another place and back.
"""
