"""`segq batch`: a folder of images, a CSV or a JSONL becomes a batch, and its images become files.

What a column or a member means is the gateway's to say. Here each line is given a name, each local
image a reference, and each result its file.
"""
