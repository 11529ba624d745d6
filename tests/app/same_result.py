"""Is a result the one that another run gave, bit for bit? bench/records/same_bits.py says what is
compared.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "bench"))
from records.same_bits import differences

if __name__ == "__main__":
    found = differences(sys.argv[1], sys.argv[2])
    print("\n".join(found) if found else "the same")
    sys.exit(1 if found else 0)
