// placeholder
import ArgumentParser
import Yams
