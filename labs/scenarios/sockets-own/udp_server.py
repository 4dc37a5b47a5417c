"""Sends every datagram back in capitals, to where it came from."""
import socket

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind(("", 12000))
    while True:
        sentence, client = server.recvfrom(2048)
        server.sendto(sentence.decode().upper().encode(), client)
