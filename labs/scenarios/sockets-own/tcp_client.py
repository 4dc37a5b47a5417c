"""A line to a server over TCP, and the answer: tcp_client.py HOST TEXT..."""
import socket
import sys

host, sentence = sys.argv[1], " ".join(sys.argv[2:])
with socket.create_connection((host, 12000), timeout=5) as client:
    client.send(sentence.encode())  # no end of line: the server answers what it reads
    print(client.recv(1024).decode())
