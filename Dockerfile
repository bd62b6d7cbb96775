# facewave with all that its rules need but a GPU's driver:
#   docker build --tag facewave .
#   docker run --rm --volume "$PWD:/work" --volume /data:/data:ro facewave --configfile mine.yaml --cores 8 report
FROM python:3.11.14-slim-bookworm

# MediaPipe's and OpenCV's libraries; git names the commit in reports.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git libegl1 libgl1 libgles2 libglib2.0-0 make \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/facewave
COPY requirements.txt requirements-vlm.txt Makefile ./
RUN make vlm PYTHON=/usr/local/bin/python3.11 && rm -rf /root/.cache
COPY . .

ENV PATH="/opt/facewave/.venv/bin:${PATH}"
WORKDIR /work
ENTRYPOINT ["snakemake", "--snakefile", "/opt/facewave/Snakefile", "--workflow-profile", "/opt/facewave/profiles/default"]
CMD ["--help"]
