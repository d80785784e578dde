#!/usr/bin/env python3
"""Switch transmit checksum offload of an interface off (as ethtool -K IF tx off): else a veth pair carries half-made checksums."""
import array, fcntl, socket, struct, sys

SIOCETHTOOL, ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO = 0x8946, 0x17, 0x1F, 0x24
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    for command in (ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO):
        value = array.array("B", struct.pack("II", command, 0))
        try:
            fcntl.ioctl(control, SIOCETHTOOL, struct.pack("16sP", sys.argv[1].encode(), value.buffer_info()[0]))
        except OSError as error:
            print(f"{sys.argv[1]}: command {command:#x}: {error}", file=sys.stderr)
