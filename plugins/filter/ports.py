# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether services of one host want the same port: nobody listens there yet who would tell."""

from __future__ import annotations

from itertools import combinations

ANY = {"0.0.0.0", "::", "*"}  # noqa: S104 - compared with, not listened on


def port_clashes(ports: list) -> list:
    """One sentence for each two variables whose services could not both listen."""
    problems = []
    for one, other in combinations(ports, 2):
        addresses = {str(entry["address"]).replace("localhost", "127.0.0.1") for entry in (one, other)}
        if (
            one["variable"] != other["variable"]
            and int(one["port"]) == int(other["port"])
            and (len(addresses) == 1 or addresses & ANY)
        ):
            problems.append(
                f"{one['variable']} and {other['variable']} are both {one['port']} on this host: set one of them to another port."
            )
    return list(dict.fromkeys(problems))


class FilterModule:
    def filters(self):
        return {"port_clashes": port_clashes}
