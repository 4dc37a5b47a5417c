"""A line to a server over UDP, and the answer: udp_client.py HOST TEXT..."""
import socket
import sys

host, sentence = sys.argv[1], " ".join(sys.argv[2:])
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
    client.settimeout(3)
    client.sendto(sentence.encode(), (host, 12000))
    try:
        answer, server = client.recvfrom(2048)
    except TimeoutError:
        sys.exit("no answer: lost, or nobody is there")
    print(answer.decode())
