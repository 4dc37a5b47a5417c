"""Welcomes one client after the other and sends a line back in capitals."""
import socket

with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as welcoming:
    welcoming.bind(("", 12000))
    welcoming.listen(1)
    while True:
        connection, client = welcoming.accept()
        with connection:
            connection.send(connection.recv(1024).decode().upper().encode())
