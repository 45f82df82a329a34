def main() -> None:
    print("molva")
