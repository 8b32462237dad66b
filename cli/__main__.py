import sys

try:
    # Imported in here: a Ctrl-C in the first moments is as quiet as any other.
    from cli.main import main

    code = main()
except KeyboardInterrupt:
    code = 130
sys.exit(code)
