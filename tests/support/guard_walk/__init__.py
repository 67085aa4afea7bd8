"""Every route of an MLflow server behind the guard, called by several users on objects of somebody else.

    routes     which routes a version has
    model      what a row of the table says, and who may do what by MLflow's documentation
    table      the rows of all routes, from the files rows_*
    provider   a double of a provider of models, which the AI gateway asks
    world      the users, and the objects that the rows are about, made by the files make_*
    walk       the calls, and what is wrong with the answers
    attacks    requests that upstream carries out although the user may not
    report     the section in docs/security.md
    holes      rows that a version leaves open, and the guard, too

The tests are tests/system/test_guard_walk.py.
"""
