from . import test_main_way
