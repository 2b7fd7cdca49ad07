#!/usr/bin/env python3
"""A link between two network namespaces that takes 5 ms each way and loses the packets it is told to lose.

    sudo ./lossy-link.py NAMESPACE-A NAMESPACE-B [N …]

Each namespace gets an interface `link0`, A with 10.0.0.1 and B with 10.0.0.2. Of the packets from B to A that carry
more than 1,000 bytes, the Nth ones are lost. Ctrl-C ends it, and the interfaces are gone.
"""
import fcntl, heapq, os, select, struct, subprocess, sys, time

DELAY = 0.005
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def interface(name, namespace, address):
    """Makes a TUN interface and moves it; what is sent into it there, we read here."""
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    subprocess.check_call(["ip", "link", "set", name, "netns", namespace, "name", "link0"])
    for command in (["link", "set", "link0", "up"], ["address", "add", address, "dev", "link0"]):
        subprocess.check_call(["ip", "-n", namespace, *command])
    return device


def carry(a, b, lost):
    """Moves packets between A and B until it is interrupted."""
    under_way, large, count = [], 0, 0
    while True:
        wait = max(0, under_way[0][0] - time.monotonic()) if under_way else None
        for device in select.select([a, b], [], [], wait)[0]:
            packet = os.read(device, 65536)
            if device == b and len(packet) > 1000:
                large += 1
                if large in lost:
                    print(f"lost: large packet {large}, {len(packet)} bytes", flush=True)
                    continue
            count += 1
            heapq.heappush(under_way, (time.monotonic() + DELAY, count, a if device == b else b, packet))
        while under_way and under_way[0][0] <= time.monotonic():
            _, _, device, packet = heapq.heappop(under_way)
            os.write(device, packet)


if len(sys.argv) < 3:
    sys.exit(__doc__)
a = interface("lossy-a", sys.argv[1], "10.0.0.1/24")
b = interface("lossy-b", sys.argv[2], "10.0.0.2/24")
print("the link is up", flush=True)
try:
    carry(a, b, {int(n) for n in sys.argv[3:]})
except KeyboardInterrupt:
    pass
