"""Attacks, each through real worker processes, with another tenant at work beside.

``arena`` holds what every attack must leave as it was; ``hostile`` has the components.

* ``test_limits``: each limit of a call, at each level.
* ``test_time``: a thousand stops in a row; the clock inside a worker fails.
* ``test_events``: storms and circles of events.
* ``test_tenants``: ids of another tenant's, on every route.
* ``test_faults``: kills, full disks, databases that are locked or gone, migrations cut short.
* ``test_admission``: imports, files that are no components, compilers that die, changed packages.
* ``test_crashes``: workers killed by each signal, and at random moments under load.
* ``test_separation``: what calls leave behind, and whom errors are told to.
* ``test_confinement``: native code in a worker, each protection alone.
"""
