"""``wardian demo``: the samples on a host of their own, with one real call of each.

``samples`` builds and installs them, ``stand_in`` is in place of the services that some of them
ask, ``calls`` makes the calls and shows them, ``digest`` publishes events and has a schedule sum
them up, ``agents`` has the agents asked and one of them judged; ``command`` puts them together.
"""
